/* Puts the clocks of single processes wrong while they run. Preloaded (LD_PRELOAD) into a platform of the fault rig; a table
   that all of them have mapped says by how much, per process: an id of 0 ends it. A process counts as the one it is a child of,
   as PostgreSQL's are of its postmaster. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

struct row {
    int64_t pid;
    int64_t ahead_ns;  /* the wall clock only */
    int64_t drift_ppm; /* wall and monotonic clock, from `since_ns` of the monotonic clock on */
    int64_t since_ns;
};

static volatile struct row *rows;
static int (*ask)(clockid_t, struct timespec *);

__attribute__((constructor)) static void start(void) {
    const char *path = getenv("RIG_WRONG_CLOCK");
    int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    ask = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    if (file < 0)
        return;
    void *mapped = mmap(NULL, 4096, PROT_READ, MAP_SHARED, file, 0);
    rows = mapped == MAP_FAILED ? NULL : (struct row *)mapped;
    close(file);
}

static int64_t read_ns(clockid_t clock) {
    struct timespec at;
    ask(clock, &at);
    return at.tv_sec * 1000000000LL + at.tv_nsec;
}

static int64_t shift_ns(clockid_t clock) {
    if (!rows || !rows[0].pid)
        return 0;
    int is_wall = clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE;
    int is_mono = clock == CLOCK_MONOTONIC || clock == CLOCK_MONOTONIC_COARSE || clock == CLOCK_BOOTTIME;
    if (!is_wall && !is_mono)
        return 0;
    int64_t me = getpid(), parent = getppid();
    for (int i = 0; i < 64 && rows[i].pid; i++)
        if (rows[i].pid == me || rows[i].pid == parent) {
            int64_t drifted = (read_ns(CLOCK_MONOTONIC) - rows[i].since_ns) / 1000000 * rows[i].drift_ppm;
            return (is_wall ? rows[i].ahead_ns : 0) + (rows[i].drift_ppm ? drifted : 0);
        }
    return 0;
}

int clock_gettime(clockid_t clock, struct timespec *at) {
    if (!ask)
        start();
    int failed = ask(clock, at);
    int64_t shift = failed ? 0 : shift_ns(clock);
    if (shift) {
        int64_t whole = at->tv_sec * 1000000000LL + at->tv_nsec + shift;
        at->tv_sec = whole / 1000000000LL;
        at->tv_nsec = whole % 1000000000LL;
    }
    return failed;
}

int gettimeofday(struct timeval *restrict at, void *restrict zone) {
    (void)zone;
    struct timespec found;
    int failed = clock_gettime(CLOCK_REALTIME, &found);
    at->tv_sec = found.tv_sec;
    at->tv_usec = found.tv_nsec / 1000;
    return failed;
}

time_t time(time_t *at) {
    struct timespec found;
    clock_gettime(CLOCK_REALTIME, &found);
    if (at)
        *at = found.tv_sec;
    return found.tv_sec;
}
