#define _GNU_SOURCE
#include "cbench.h"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>

enum { BATCH = 64 };

int bench_epoll_create(void) { return epoll_create1(EPOLL_CLOEXEC); }

int bench_epoll_set(int poller, int descriptor, uint64_t token, int is_new, int wants_write) {
    struct epoll_event event = {.events = EPOLLIN | (wants_write ? EPOLLOUT : 0), .data.u64 = token};
    return epoll_ctl(poller, is_new ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, descriptor, &event);
}

int bench_epoll_wait(int poller, bench_ready *ready, int capacity, uint64_t timeout_ns) {
    struct epoll_event events[BATCH];
    int limit = capacity < BATCH ? capacity : BATCH;
    // Only a wait that finds nothing pays for the second call, which is the one that knows nanoseconds.
    int count = epoll_wait(poller, events, limit, 0);
    if (count == 0 && timeout_ns > 0) {
        struct pollfd watch = {.fd = poller, .events = POLLIN};
        struct timespec timeout = {.tv_sec = timeout_ns / 1000000000, .tv_nsec = timeout_ns % 1000000000};
        if (ppoll(&watch, 1, &timeout, 0) <= 0) return 0;
        count = epoll_wait(poller, events, limit, 0);
    }
    for (int index = 0; index < count; index++) {
        uint32_t flags = events[index].events;
        ready[index] = (bench_ready){
            .token = events[index].data.u64,
            .readable = (flags & (EPOLLIN | EPOLLERR | EPOLLHUP)) != 0,
            .writable = (flags & EPOLLOUT) != 0,
        };
    }
    return count < 0 ? 0 : count;
}

int bench_accept(int listener) { return accept4(listener, 0, 0, SOCK_NONBLOCK | SOCK_CLOEXEC); }

int bench_peer_pid(int descriptor) {
    struct ucred credentials;
    socklen_t size = sizeof credentials;
    if (getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0) return -1;
    return credentials.pid;
}
