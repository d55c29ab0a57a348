/* An SMSC for load: one thread, several listening ports, constant delays, a record of what came when.
 * Times are nanoseconds: `at` of the wall clock (as the product's own time stamps), `due` of the monotonic clock. */
#ifndef SMSC_H
#define SMSC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SECOND 1000000000ull
#define MILLISECOND 1000000ull
#define MAX_PDU 71680u
#define MAX_RECEIVERS 64
#define ADDRESS 21
#define EXCERPT 20

enum receipts { RECEIPTS_NEVER, RECEIPTS_REQUESTED, RECEIPTS_ALWAYS };

struct options {
    uint64_t response_delay, receipt_delay;
    uint32_t window;
    enum receipts receipts;
    bool quick_ack;
    const char *password, *ports_file, *counters_file, *log_file;
};

struct buffer {
    uint8_t *data;
    size_t start, end, capacity;
};

/* A queue whose elements fall due in the order they were put in, because every delay of it is the same. */
struct fifo {
    uint8_t *data;
    size_t size, head, count, capacity;
};

struct response {
    uint64_t due, number, to;
    uint32_t session, generation, sequence;
    uint16_t port;
};

struct receipt {
    uint64_t due, number, submitted;
    uint16_t port;
    uint8_t source_ton, source_npi, to_ton, to_npi, excerpt_length;
    char source[ADDRESS], to[ADDRESS], excerpt[EXCERPT];
};

struct counters {
    uint64_t submits, responses, receipts_due, receipts_sent, receipts_acked, receipts_refused;
    uint64_t first_arrival, last_arrival, first_response, last_response, first_acked, last_acked;
    uint64_t worst_second, sessions;
};

struct port {
    int fd;
    uint16_t index, number;
    struct counters counters;
    struct fifo receipts, again, arrivals;
    struct session *receivers[MAX_RECEIVERS];
    unsigned receiver_count, next_receiver;
};

struct pending {
    uint32_t sequence;
    bool taken;
    struct receipt receipt;
};

struct session {
    int fd;
    uint32_t index, generation, next_sequence;
    struct port *port;
    bool sends, receives, writable_wanted, closing, paused;
    struct buffer in, out;
    struct pending *pending;
};

struct submit {
    uint8_t source_ton, source_npi, to_ton, to_npi, esm_class, registered, coding;
    char source[ADDRESS], to[ADDRESS];
    const uint8_t *text;
    size_t text_length;
};

struct smsc {
    struct options options;
    int epoll;
    struct port *ports;
    unsigned port_count;
    struct session **sessions;
    size_t session_capacity;
    uint32_t generation;
    uint64_t next_number, receipts_waiting;
    struct fifo responses;
    struct counters *totals;
    bool ending;
};

extern struct smsc smsc;

/* storage.c */
void *take(void *old, size_t size);
uint8_t *buffer_room(struct buffer *buffer, size_t size);
void buffer_free(struct buffer *buffer);
void fifo_init(struct fifo *fifo, size_t size);
void *fifo_push(struct fifo *fifo);
void *fifo_head(struct fifo *fifo);
void fifo_pop(struct fifo *fifo);

/* clock.c */
uint64_t wall(void);
uint64_t monotonic(void);

/* pdu.c */
uint32_t read32(const uint8_t *from);
bool parse_submit(const uint8_t *pdu, size_t length, struct submit *found);
bool parse_bind(const uint8_t *pdu, size_t length, const char **password);
void put_header(struct buffer *out, uint32_t command, uint32_t status, uint32_t sequence);
void put_named(struct buffer *out, uint32_t command, uint32_t status, uint32_t sequence, const char *name);
void put_receipt(struct buffer *out, const struct receipt *receipt, uint32_t sequence);

/* record.c */
void record_open(void);
void record_submit(struct port *port, uint64_t number, const char *to, uint64_t at);
void record_response(struct port *port, uint64_t number, uint64_t to, uint64_t at);
void record_receipt(struct port *port, uint64_t number, const char *to, uint64_t at);
void record_acked(struct port *port, uint64_t number, const char *to, uint64_t at);
uint64_t digits(const char *text);
void record_write(void);
void print_summary(void);

/* submits.c */
void on_submit(struct session *session, const uint8_t *pdu, size_t length, uint64_t at);
void answer_due(uint64_t now);

/* receipts.c */
void receipts_due(uint64_t now);
uint64_t receipts_next(void);
void on_receipt_answer(struct session *session, uint32_t status, uint32_t sequence);
void add_receiver(struct session *session);
void drop_receiver(struct session *session);

/* session.c */
void session_open(struct port *port, int fd);
void session_ready(struct session *session, uint32_t events);
void session_flush(struct session *session);

#endif
