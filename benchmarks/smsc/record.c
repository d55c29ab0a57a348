/* What came when: counters in a page others may read, a log in memory, a summary in JSON. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "smsc.h"

enum kind { SUBMIT = 1, RESPONSE, RECEIPT, ACKED };

/* 32 octets in the machine's byte order; benchmarks/smsclog.py reads them. */
struct record {
    uint64_t at, number, to;
    uint16_t port;
    uint8_t kind, unused[5];
};

static struct fifo records;
static struct fifo arrivals;

static struct counters *shared_counters(const char *path)
{
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
    if (fd < 0 || ftruncate(fd, sizeof(struct counters)) < 0) {
        perror(path);
        exit(1);
    }
    void *page = mmap(NULL, sizeof(struct counters), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (page == MAP_FAILED) {
        perror("mmap");
        exit(1);
    }
    close(fd);
    return page;
}

void record_open(void)
{
    static struct counters own;
    smsc.totals = smsc.options.counters_file ? shared_counters(smsc.options.counters_file) : &own;
    fifo_init(&records, sizeof(struct record));
    fifo_init(&arrivals, sizeof(uint64_t));
}

uint64_t digits(const char *text)
{
    uint64_t value = 0;
    for (; *text; text++)
        if (*text >= '0' && *text <= '9')
            value = value * 10 + (uint64_t)(*text - '0');
    return value;
}

static void note(enum kind kind, struct port *port, uint64_t number, uint64_t to, uint64_t at)
{
    if (!smsc.options.log_file)
        return;
    struct record *made = fifo_push(&records);
    *made = (struct record){.at = at, .number = number, .to = to, .port = port->index, .kind = (uint8_t)kind};
}

/* Counts the arrivals of any second that starts at one: an arrival a second before `at` is out of it. */
static uint64_t second_with(struct fifo *window, uint64_t at)
{
    *(uint64_t *)fifo_push(window) = at;
    while (*(uint64_t *)fifo_head(window) + SECOND <= at)
        fifo_pop(window);
    return window->count;
}

static void span(uint64_t *first, uint64_t *last, uint64_t at)
{
    if (!*first)
        *first = at;
    *last = at;
}

static void count_submit(struct counters *counters, uint64_t in_second, uint64_t at)
{
    counters->submits++;
    span(&counters->first_arrival, &counters->last_arrival, at);
    if (in_second > counters->worst_second)
        counters->worst_second = in_second;
}

void record_submit(struct port *port, uint64_t number, const char *to, uint64_t at)
{
    count_submit(&port->counters, second_with(&port->arrivals, at), at);
    count_submit(smsc.totals, second_with(&arrivals, at), at);
    note(SUBMIT, port, number, digits(to), at);
}

static void count_response(struct counters *counters, uint64_t at)
{
    counters->responses++;
    span(&counters->first_response, &counters->last_response, at);
}

void record_response(struct port *port, uint64_t number, uint64_t to, uint64_t at)
{
    count_response(&port->counters, at);
    count_response(smsc.totals, at);
    note(RESPONSE, port, number, to, at);
}

void record_receipt(struct port *port, uint64_t number, const char *to, uint64_t at)
{
    port->counters.receipts_sent++;
    smsc.totals->receipts_sent++;
    note(RECEIPT, port, number, digits(to), at);
}

static void count_acked(struct counters *counters, uint64_t at)
{
    counters->receipts_acked++;
    span(&counters->first_acked, &counters->last_acked, at);
}

void record_acked(struct port *port, uint64_t number, const char *to, uint64_t at)
{
    count_acked(&port->counters, at);
    count_acked(smsc.totals, at);
    note(ACKED, port, number, digits(to), at);
}

/* Writes the log; called once, at the end. Nothing is ever popped from it, so it lies in one piece. */
void record_write(void)
{
    if (!smsc.options.log_file)
        return;
    FILE *file = fopen(smsc.options.log_file, "wb");
    if (!file || fwrite(records.data, records.size, records.count, file) != records.count || fclose(file)) {
        perror(smsc.options.log_file);
        exit(1);
    }
}

static void print_counters(const struct counters *c)
{
    printf("\"submits\":%llu,\"responses\":%llu,\"receiptsDue\":%llu,\"receiptsSent\":%llu,\"receiptsAcked\":%llu,"
           "\"receiptsRefused\":%llu,\"worstSecond\":%llu,\"sessions\":%llu",
           (unsigned long long)c->submits, (unsigned long long)c->responses, (unsigned long long)c->receipts_due,
           (unsigned long long)c->receipts_sent, (unsigned long long)c->receipts_acked,
           (unsigned long long)c->receipts_refused, (unsigned long long)c->worst_second,
           (unsigned long long)c->sessions);
    printf(",\"firstArrival\":%.6f,\"lastArrival\":%.6f,\"firstResponse\":%.6f,\"lastResponse\":%.6f,"
           "\"firstAcked\":%.6f,\"lastAcked\":%.6f",
           (double)c->first_arrival / 1e9, (double)c->last_arrival / 1e9, (double)c->first_response / 1e9,
           (double)c->last_response / 1e9, (double)c->first_acked / 1e9, (double)c->last_acked / 1e9);
}

/* One line of JSON on standard output; times in Unix seconds, 0 where nothing came. */
void print_summary(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    double cpu = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
                 (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
    printf("{\"cpuSeconds\":%.3f,", cpu);
    print_counters(smsc.totals);
    printf(",\"ports\":[");
    for (unsigned i = 0; i < smsc.port_count; i++) {
        printf("%s{\"port\":%u,", i ? "," : "", smsc.ports[i].number);
        print_counters(&smsc.ports[i].counters);
        printf("}");
    }
    printf("]}\n");
    fflush(stdout);
}
