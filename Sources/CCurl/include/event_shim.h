// epoll, eventfd and the thread's name: Swift's Glibc module does not export them.
#ifndef SLUICE_CCURL_EVENT_SHIM_H
#define SLUICE_CCURL_EVENT_SHIM_H

#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>

enum {
    sluice_event_readable = EPOLLIN,
    sluice_event_writable = EPOLLOUT,
    sluice_event_failed = EPOLLERR | EPOLLHUP,
};

static inline int sluice_epoll_create(void) {
    return epoll_create1(EPOLL_CLOEXEC);
}

static inline int sluice_epoll_add(int poller, int descriptor, uint32_t interest) {
    struct epoll_event event = {.events = interest, .data.fd = descriptor};
    return epoll_ctl(poller, EPOLL_CTL_ADD, descriptor, &event);
}

static inline int sluice_epoll_modify(int poller, int descriptor, uint32_t interest) {
    struct epoll_event event = {.events = interest, .data.fd = descriptor};
    return epoll_ctl(poller, EPOLL_CTL_MOD, descriptor, &event);
}

static inline int sluice_epoll_delete(int poller, int descriptor) {
    struct epoll_event event = {0};
    return epoll_ctl(poller, EPOLL_CTL_DEL, descriptor, &event);
}

// Edge-triggered, so that the counter never has to be read back.
static inline int sluice_epoll_add_wakeup(int poller, int descriptor) {
    return sluice_epoll_add(poller, descriptor, EPOLLIN | EPOLLET);
}

static inline int sluice_epoll_wait(int poller, struct epoll_event *events, int capacity, int timeoutMS) {
    return epoll_wait(poller, events, capacity, timeoutMS);
}

static inline int sluice_event_descriptor(const struct epoll_event *event) {
    return event->data.fd;
}

static inline int sluice_wakeup_create(void) {
    return eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
}

static inline int sluice_wakeup_signal(int descriptor) {
    return eventfd_write(descriptor, 1);
}

// At most 15 bytes are kept.
static inline int sluice_name_this_thread(const char *name) {
    return prctl(PR_SET_NAME, name, 0, 0, 0);
}

#endif
