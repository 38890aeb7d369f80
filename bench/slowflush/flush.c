/*
 * A slower disk for the Postgres server that the benchmark starts: after each flush the process sleeps for as long as
 * OPENWORKFLOW_BENCH_FLUSH_DELAY says, in nanoseconds. Loaded with LD_PRELOAD; ../slowflush.go compiles it.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <time.h>

static struct timespec delay;
static int (*real_fsync)(int);
static int (*real_fdatasync)(int);

__attribute__((constructor)) static void prepare(void) {
	const char *text = getenv("OPENWORKFLOW_BENCH_FLUSH_DELAY");
	long long ns = text ? atoll(text) : 0;
	delay.tv_sec = ns / 1000000000;
	delay.tv_nsec = ns % 1000000000;
	real_fsync = dlsym(RTLD_NEXT, "fsync");
	real_fdatasync = dlsym(RTLD_NEXT, "fdatasync");
	prctl(PR_SET_TIMERSLACK, 1UL); /* children inherit it: sleeps are not rounded up by 50 us */
}

static int after(int result) {
	int error = errno;
	struct timespec left = delay;
	while (nanosleep(&left, &left) == -1 && errno == EINTR)
		;
	errno = error;
	return result;
}

int fsync(int fd) { return after(real_fsync(fd)); }

int fdatasync(int fd) { return after(real_fdatasync(fd)); }
