#include <time.h>

#include "smsc.h"

static uint64_t read_clock(clockid_t which)
{
    struct timespec now;
    clock_gettime(which, &now);
    return (uint64_t)now.tv_sec * SECOND + (uint64_t)now.tv_nsec;
}

uint64_t wall(void)
{
    return read_clock(CLOCK_REALTIME);
}

uint64_t monotonic(void)
{
    return read_clock(CLOCK_MONOTONIC);
}
