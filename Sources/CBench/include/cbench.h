// What SluiceBench needs from Linux and Swift's Glibc module does not export.
#ifndef SLUICE_CBENCH_H
#define SLUICE_CBENCH_H

#include <stdint.h>

// One descriptor that can be read or written again, by the token it was added with.
typedef struct {
    uint64_t token;
    int32_t readable;
    int32_t writable;
} bench_ready;

// A new epoll, or -1 with errno set.
int bench_epoll_create(void);

// Adds a descriptor (is_new) or changes whether it waits for room to write.
int bench_epoll_set(int poller, int descriptor, uint64_t token, int is_new, int wants_write);

// Waits to the nanosecond and fills in at most `capacity` (64 or less) entries; answers how many.
int bench_epoll_wait(int poller, bench_ready *ready, int capacity, uint64_t timeout_ns);

// The next waiting connection, non-blocking, or -1.
int bench_accept(int listener);

// SO_PEERCRED's process id, or -1.
int bench_peer_pid(int descriptor);

#endif
