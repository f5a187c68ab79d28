/* The library's own floor of a GET from memory: libmicrohttpd with one thread and one shared
 * response. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include <microhttpd.h>

static struct MHD_Response *response;

static enum MHD_Result answer(void *cls, struct MHD_Connection *connection, const char *url,
                              const char *method, const char *version, const char *upload,
                              size_t *upload_bytes, void **state)
{
    (void)cls;
    (void)url;
    (void)method;
    (void)version;
    (void)upload;
    (void)upload_bytes;
    if (!*state) {
        *state = response;
        return MHD_YES;
    }
    return MHD_queue_response(connection, MHD_HTTP_OK, response);
}

int main(void)
{
    static char body[] = "93000.10\n";
    const union MHD_DaemonInfo *info;
    struct MHD_Daemon *daemon;
    sigset_t set;
    int number;

    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    response = MHD_create_response_from_buffer(sizeof(body) - 1, body, MHD_RESPMEM_PERSISTENT);
    daemon = MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD, 0, NULL, NULL, answer, NULL,
                              MHD_OPTION_CONNECTION_LIMIT, 4096U, MHD_OPTION_END);
    if (!response || !daemon)
        return 1;
    info = MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_BIND_PORT);
    printf("listens on http://127.0.0.1:%d\n", (int)info->port);
    (void)fflush(stdout);
    (void)sigwait(&set, &number);
    MHD_stop_daemon(daemon);
    MHD_destroy_response(response);
    return 0;
}
