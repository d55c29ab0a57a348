/* Takes HTTP callbacks: answers each request at once, counts them, and notes when those with a number came.
 *
 *     sink COUNTERS_FILE PORT_FILE LOG_FILE
 *
 * COUNTERS_FILE is mapped by others: requests, first and last arrival in Unix nanoseconds (8 octets each).
 * LOG_FILE gets, at SIGTERM, 16 octets a request: arrival in nanoseconds, the digits that end its target. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define EVENTS 64
#define ROOM 65536
/* What Jasmin wants to read; Kannel reads nothing but the status. */
static const char ANSWER[] = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\nContent-Type: text/plain\r\n\r\nACK/Jasmin";

struct connection {
    int fd;
    size_t length;
    char data[ROOM];
};

struct counters {
    uint64_t requests, first, last;
};

struct entry {
    uint64_t at, number;
};

static struct counters *counters;
static struct entry *entries;
static size_t entry_count, entry_capacity;
static volatile sig_atomic_t ending;

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

static void on_term(int number)
{
    (void)number;
    ending = 1;
}

/* The digits at the end of the request's target: `GET /dlr/123 HTTP/1.1` gives 123. */
static uint64_t number_of(const char *request)
{
    const char *from = strchr(request, ' ');
    const char *end = from ? strchr(from + 1, ' ') : NULL;
    const char *at = end;
    while (at && at > from && at[-1] >= '0' && at[-1] <= '9')
        at--;
    return at && at < end ? strtoull(at, NULL, 10) : 0;
}

static void note(const char *request)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    uint64_t at = (uint64_t)now.tv_sec * 1000000000ull + (uint64_t)now.tv_nsec;
    if (!counters->first)
        counters->first = at;
    counters->last = at;
    if (entry_count == entry_capacity) {
        entry_capacity = entry_capacity ? 2 * entry_capacity : 65536;
        if (!(entries = realloc(entries, entry_capacity * sizeof *entries)))
            fail("memory");
    }
    entries[entry_count++] = (struct entry){at, number_of(request)};
    counters->requests++;
}

static void drop(struct connection *connection)
{
    close(connection->fd);
    free(connection);
}

/* Requests have no body: one ends with an empty line. */
static void take(struct connection *connection)
{
    ssize_t got = recv(connection->fd, connection->data + connection->length, ROOM - 1 - connection->length, 0);
    if (got <= 0) {
        drop(connection);
        return;
    }
    connection->length += (size_t)got;
    connection->data[connection->length] = 0;
    char *start = connection->data, *end;
    while ((end = strstr(start, "\r\n\r\n"))) {
        note(start);
        if (send(connection->fd, ANSWER, sizeof ANSWER - 1, MSG_NOSIGNAL) < 0)
            break;
        start = end + 4;
    }
    connection->length -= (size_t)(start - connection->data);
    memmove(connection->data, start, connection->length);
}

static void open_counters(const char *path)
{
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
    if (fd < 0 || ftruncate(fd, sizeof *counters) < 0)
        fail(path);
    counters = mmap(NULL, sizeof *counters, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (counters == MAP_FAILED)
        fail("mmap");
}

static int open_port(const char *path)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t size = sizeof address;
    char aside[4096];
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, size) < 0 || listen(fd, 1024) < 0)
        fail("listen");
    getsockname(fd, (struct sockaddr *)&address, &size);
    snprintf(aside, sizeof aside, "%s.new", path);
    FILE *file = fopen(aside, "w");
    if (!file || fprintf(file, "%u\n", ntohs(address.sin_port)) < 0 || fclose(file) || rename(aside, path))
        fail(path);
    return fd;
}

static void accept_one(int epoll, int listening)
{
    int fd = accept(listening, NULL, NULL);
    if (fd < 0)
        return;
    struct connection *made = calloc(1, sizeof *made);
    if (!made)
        fail("memory");
    made->fd = fd;
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = made};
    epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
}

static void write_log(const char *path)
{
    FILE *file = fopen(path, "wb");
    if (!file || fwrite(entries, sizeof *entries, entry_count, file) != entry_count || fclose(file))
        fail(path);
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        fputs("usage: sink COUNTERS_FILE PORT_FILE LOG_FILE\n", stderr);
        return 2;
    }
    struct sigaction action = {.sa_handler = on_term};
    sigaction(SIGTERM, &action, NULL);
    open_counters(argv[1]);
    int listening = open_port(argv[2]), epoll = epoll_create1(0);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL}, events[EVENTS];
    epoll_ctl(epoll, EPOLL_CTL_ADD, listening, &event);
    while (!ending) {
        int count = epoll_wait(epoll, events, EVENTS, -1);
        for (int i = 0; i < count; i++) {
            if (events[i].data.ptr)
                take(events[i].data.ptr);
            else
                accept_one(epoll, listening);
        }
    }
    write_log(argv[3]);
    return 0;
}
