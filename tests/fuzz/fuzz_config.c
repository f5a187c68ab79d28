/* A configuration file. */
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "server/config.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    static struct config config;
    struct secret_page *secrets = secret_page_create();
    struct error error = { .text = "" };
    int fd = memfd_create("config", 0);
    char path[64];
    char program[] = "bybit-bridge";
    char option[] = "--config";
    char *arguments[] = { program, option, path, NULL };
    bool usage;

    assert(fd >= 0 && secrets);
    assert(write(fd, data, bytes) == (ssize_t)bytes);
    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    if (config_read(&config, 3, arguments, secrets, &usage, &error))
        assert(error.text[0]);
    close(fd);
    secret_page_destroy(secrets);
    return 0;
}
