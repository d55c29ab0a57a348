/* Options, listening sockets, signals, and the loop. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "smsc.h"

#define EVENTS 256
#define FIRST_NUMBER 1000000001ull

struct smsc smsc;

static const char USAGE[] =
    "usage: smsc --port N [--port N ...] [options]     port 0: a free one\n"
    "  --response-ms N   delay of submit_sm_resp (0)\n"
    "  --receipts WHICH  never, requested (default) or always\n"
    "  --receipt-ms N    delay of a receipt after its response (0)\n"
    "  --window N        receipts unanswered on a session (100)\n"
    "  --password P      what a bind must bring (anything)\n"
    "  --quick-ack       TCP acknowledgements without delay, for peers that do not set NODELAY\n"
    "  --ports-file F    where the ports are written, one a line, once all listen\n"
    "  --counters F      a file mapped by others to read the running totals\n"
    "  --log F           where the times of every PDU are written at SIGTERM\n"
    "SIGUSR1 prints the summary, SIGTERM prints it and ends.\n";

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

static void usage(void)
{
    fputs(USAGE, stderr);
    exit(2);
}

static uint64_t number(const char *text, uint64_t most)
{
    char *end;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (errno || end == text || *end || value > most)
        usage();
    return value;
}

static enum receipts which_receipts(const char *text)
{
    static const char *const names[] = {"never", "requested", "always"};
    for (int i = 0; i < 3; i++)
        if (strcmp(text, names[i]) == 0)
            return (enum receipts)i;
    usage();
    return RECEIPTS_NEVER;
}

static void add_port(uint16_t wanted)
{
    smsc.ports = take(smsc.ports, (smsc.port_count + 1) * sizeof *smsc.ports);
    struct port *port = &smsc.ports[smsc.port_count];
    memset(port, 0, sizeof *port);
    port->index = (uint16_t)smsc.port_count++;
    port->number = wanted;
    fifo_init(&port->receipts, sizeof(struct receipt));
    fifo_init(&port->again, sizeof(struct receipt));
    fifo_init(&port->arrivals, sizeof(uint64_t));
}

static void parse(int argc, char **argv)
{
    static const struct option known[] = {
        {"port", 1, 0, 'p'},     {"response-ms", 1, 0, 'r'}, {"receipts", 1, 0, 'R'},   {"receipt-ms", 1, 0, 'd'},
        {"window", 1, 0, 'w'},   {"password", 1, 0, 'P'},    {"ports-file", 1, 0, 'f'}, {"counters", 1, 0, 'c'},
        {"log", 1, 0, 'l'},      {"quick-ack", 0, 0, 'q'},   {0, 0, 0, 0},
    };
    struct options *options = &smsc.options;
    options->window = 100;
    options->receipts = RECEIPTS_REQUESTED;
    for (int found; (found = getopt_long(argc, argv, "", known, NULL)) != -1;) {
        switch (found) {
        case 'p': add_port((uint16_t)number(optarg, 65535)); break;
        case 'r': options->response_delay = number(optarg, 3600000) * MILLISECOND; break;
        case 'R': options->receipts = which_receipts(optarg); break;
        case 'd': options->receipt_delay = number(optarg, 3600000) * MILLISECOND; break;
        case 'w': options->window = (uint32_t)number(optarg, 100000); break;
        case 'P': options->password = optarg; break;
        case 'f': options->ports_file = optarg; break;
        case 'c': options->counters_file = optarg; break;
        case 'q': options->quick_ack = true; break;
        case 'l': options->log_file = optarg; break;
        default: usage();
        }
    }
    if (!smsc.port_count || !options->window || optind != argc)
        usage();
}

/* Epoll tells a listening socket from a session by the low bit of its pointer. */
static void listen_on(struct port *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port->number)};
    socklen_t size = sizeof address;
    int on = 1;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    port->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (port->fd < 0)
        fail("socket");
    setsockopt(port->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(port->fd, (struct sockaddr *)&address, size) < 0 || listen(port->fd, 1024) < 0)
        fail("listen");
    getsockname(port->fd, (struct sockaddr *)&address, &size);
    port->number = ntohs(address.sin_port);
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = (uint64_t)(uintptr_t)port | 1};
    epoll_ctl(smsc.epoll, EPOLL_CTL_ADD, port->fd, &event);
}

static void write_ports(const char *path)
{
    char aside[4096];
    snprintf(aside, sizeof aside, "%s.new", path);
    FILE *file = fopen(aside, "w");
    if (!file)
        fail(aside);
    for (unsigned i = 0; i < smsc.port_count; i++)
        fprintf(file, "%u\n", smsc.ports[i].number);
    if (fclose(file) || rename(aside, path))
        fail(path);
}

static int open_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, NULL);
    int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (fd < 0)
        fail("signalfd");
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
    epoll_ctl(smsc.epoll, EPOLL_CTL_ADD, fd, &event);
    return fd;
}

static void on_signal(int fd)
{
    struct signalfd_siginfo found;
    while (read(fd, &found, sizeof found) == sizeof found) {
        if (found.ssi_signo == SIGUSR1)
            print_summary();
        else
            smsc.ending = true;
    }
}

static void accept_all(struct port *port)
{
    int fd;
    while ((fd = accept4(port->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0)
        session_open(port, fd);
}

/* Milliseconds until something falls due, rounded up; -1: nothing will. */
static int patience(uint64_t now)
{
    struct response *head = fifo_head(&smsc.responses);
    uint64_t next = receipts_next();
    if (head && head->due < next)
        next = head->due;
    if (next == UINT64_MAX)
        return -1;
    return next <= now ? 0 : (int)((next - now + MILLISECOND - 1) / MILLISECOND);
}

static void turn(int signals)
{
    struct epoll_event events[EVENTS];
    int count = epoll_wait(smsc.epoll, events, EVENTS, patience(monotonic()));
    for (int i = 0; i < count; i++) {
        if (!events[i].data.ptr)
            on_signal(signals);
        else if (events[i].data.u64 & 1)
            accept_all((struct port *)(uintptr_t)(events[i].data.u64 & ~1ull));
        else
            session_ready(events[i].data.ptr, events[i].events);
    }
    uint64_t now = monotonic();
    answer_due(now);
    receipts_due(now);
}

static void more_files(void)
{
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

int main(int argc, char **argv)
{
    parse(argc, argv);
    more_files();
    smsc.next_number = FIRST_NUMBER;
    fifo_init(&smsc.responses, sizeof(struct response));
    record_open();
    smsc.epoll = epoll_create1(EPOLL_CLOEXEC);
    if (smsc.epoll < 0)
        fail("epoll");
    int signals = open_signals();
    for (unsigned i = 0; i < smsc.port_count; i++)
        listen_on(&smsc.ports[i]);
    if (smsc.options.ports_file)
        write_ports(smsc.options.ports_file);
    while (!smsc.ending)
        turn(signals);
    print_summary();
    record_write();
    return 0;
}
