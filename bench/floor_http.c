/* The floor of a GET from memory: one thread, epoll, one fixed answer, nothing parsed but the end
 * of the head. */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

static const char answer[] =
    "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 9\r\n\r\n93000.10\n";

static int listen_on_free_port(void)
{
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t bytes = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || bind(fd, (struct sockaddr *)&address, bytes) || listen(fd, 1024) ||
        getsockname(fd, (struct sockaddr *)&address, &bytes)) {
        perror("floor_http");
        exit(1);
    }
    printf("listens on http://127.0.0.1:%d\n", ntohs(address.sin_port));
    (void)fflush(stdout);
    return fd;
}

static void serve(int epoll, int fd)
{
    char request[8192];
    ssize_t got = read(fd, request, sizeof(request));

    (void)epoll;
    if (got <= 0) {
        close(fd);
        return;
    }
    for (char *at = request; (at = memmem(at, (size_t)(request + got - at), "\r\n\r\n", 4));
         at += 4)
        (void)!write(fd, answer, sizeof(answer) - 1);
}

int main(void)
{
    struct epoll_event events[64];
    struct epoll_event event = { .events = EPOLLIN };
    int listener = listen_on_free_port();
    int epoll = epoll_create1(EPOLL_CLOEXEC);

    event.data.fd = listener;
    epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event);
    for (;;) {
        int ready = epoll_wait(epoll, events, 64, -1);

        for (int i = 0; i < ready; i++) {
            int one = 1;

            if (events[i].data.fd != listener) {
                serve(epoll, events[i].data.fd);
                continue;
            }
            event.data.fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
            if (event.data.fd < 0)
                continue;
            setsockopt(event.data.fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
            epoll_ctl(epoll, EPOLL_CTL_ADD, event.data.fd, &event);
        }
    }
}
