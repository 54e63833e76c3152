#define _GNU_SOURCE
#include "CSystemd.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-login.h>
#include <unistd.h>

// Debian 12's kernel headers are older than this option; the number is part of the kernel's ABI.
#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77
#endif

int sluice_notify(const char *state) { return sd_notify(0, state); }

int sluice_listen_fds(char ***names) { return sd_listen_fds_with_names(1, names); }

int sluice_watchdog_enabled(uint64_t *usec) { return sd_watchdog_enabled(0, usec); }

int sluice_pid_unit(int32_t pid, char **unit) { return sd_pid_get_unit(pid, unit); }

int sluice_pid_user_unit(int32_t pid, char **unit) { return sd_pid_get_user_unit(pid, unit); }

int sluice_pid_slice(int32_t pid, char **slice) { return sd_pid_get_slice(pid, slice); }

int sluice_peer_credentials(int fd, sluice_peer_cred *out) {
    struct ucred cred;
    socklen_t length = sizeof cred;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &length) < 0) return -errno;
    *out = (sluice_peer_cred){.uid = cred.uid, .gid = cred.gid, .pid = cred.pid};
    return 0;
}

int sluice_peer_groups(int fd, uint32_t *groups, uint32_t *count) {
    socklen_t length = *count * (socklen_t)sizeof *groups;
    int failed = getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &length) < 0 ? errno : 0;
    *count = length / (socklen_t)sizeof *groups;
    return -failed;
}

int sluice_peer_pidfd(int fd) {
    int pidfd = -1;
    socklen_t length = sizeof pidfd;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERPIDFD, &pidfd, &length) < 0) return -errno;
    return pidfd;
}

int sluice_pidfd_open(int32_t pid) {
    long pidfd = syscall(SYS_pidfd_open, pid, 0);
    return pidfd < 0 ? -errno : (int)pidfd;
}
