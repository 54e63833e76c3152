/// The libsystemd calls that are used (none of them variadic) and the few kernel calls that Swift cannot spell by itself.
///
/// Strings and arrays that libsystemd returns are malloc'ed. Swift frees them in one place: `LibsystemdText.swift`.

#ifndef CSYSTEMD_H
#define CSYSTEMD_H

// No header of libsystemd or the C library's sockets is included here: Clang would make this module their owner, and
// Swift files that import only Glibc would lose what is in them.
#include <stdint.h>

/// sd_notify(3), environment kept. Returns > 0 when sent, 0 without NOTIFY_SOCKET, or a negative errno.
int sluice_notify(const char *state);

/// sd_listen_fds_with_names(3), environment cleared. Returns the number of descriptors from 3 on, or a negative errno.
int sluice_listen_fds(char ***names);

/// sd_watchdog_enabled(3), environment kept. Returns > 0 and sets `usec` when this process is watched.
int sluice_watchdog_enabled(uint64_t *usec);

/// sd_pid_get_unit(3), sd_pid_get_user_unit(3) and sd_pid_get_slice(3). Return a negative errno on failure.
int sluice_pid_unit(int32_t pid, char **unit);
int sluice_pid_user_unit(int32_t pid, char **unit);
int sluice_pid_slice(int32_t pid, char **slice);

/// Who was at the other end when a Unix socket was connected.
typedef struct sluice_peer_cred {
    uint32_t uid;
    uint32_t gid;
    /// 0 when the peer lives in a PID namespace that this process cannot see.
    int32_t pid;
} sluice_peer_cred;

/// SO_PEERCRED. Returns 0, or a negative errno.
int sluice_peer_credentials(int fd, sluice_peer_cred *out);

/// SO_PEERGROUPS. `count` is the room in `groups` on entry and the number of groups on return.
/// Returns 0, -ERANGE (then `count` is the room that is needed), or another negative errno.
int sluice_peer_groups(int fd, uint32_t *groups, uint32_t *count);

/// SO_PEERPIDFD (Linux 6.5): a close-on-exec pidfd of the peer. Returns it, or a negative errno
/// (-ENOPROTOOPT: this kernel has no such option).
int sluice_peer_pidfd(int fd);

/// pidfd_open(2): a close-on-exec pidfd. Returns it, or a negative errno.
int sluice_pidfd_open(int32_t pid);

#endif
