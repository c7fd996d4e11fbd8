/* Preloaded into a process, sets its clock ahead. Intervals stay what they are.

   By CLOCK_AHEAD_SECONDS, or by the number in the first 8 bytes of the file CLOCK_AHEAD_FILE: a test that changes
   it moves the clocks of all processes that run with it.

   libfaketime 0.9.10 is no help: with the monotonic clock left alone, it makes each sleep of Python 3.13 fail. */

#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static const volatile int64_t *shared;

__attribute__((constructor)) static void map_file(void)
{
    const char *path = getenv("CLOCK_AHEAD_FILE");
    int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (file < 0)
        return;
    void *mapped = mmap(NULL, sizeof *shared, PROT_READ, MAP_SHARED, file, 0);
    if (mapped != MAP_FAILED)
        shared = mapped;
    close(file);
}

static int64_t ahead(void)
{
    const char *seconds = getenv("CLOCK_AHEAD_SECONDS");
    return shared ? *shared : seconds ? atol(seconds) : 0;
}

int clock_gettime(clockid_t clock, struct timespec *at)
{
    int failed = (int)syscall(SYS_clock_gettime, clock, at);
    if (!failed && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
        at->tv_sec += ahead();
    return failed;
}

time_t time(time_t *at)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (at)
        *at = now.tv_sec;
    return now.tv_sec;
}
