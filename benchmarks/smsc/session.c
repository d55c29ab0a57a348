/* One connection: octets in, PDUs out of them, answers back in as few writes as may be. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "smsc.h"

#define READ_AT_ONCE 65536
#define OUT_TOO_MUCH (4 * 1024 * 1024)

enum command {
    BIND_RECEIVER = 0x00000001,
    BIND_TRANSMITTER = 0x00000002,
    SUBMIT_SM = 0x00000004,
    UNBIND = 0x00000006,
    BIND_TRANSCEIVER = 0x00000009,
    ENQUIRE_LINK = 0x00000015,
};

#define RESPONSE 0x80000000u
#define DELIVER_SM_RESP 0x80000005u
#define GENERIC_NACK 0x80000000u
#define ESME_RINVCMDLEN 0x00000002u
#define ESME_RINVCMDID 0x00000003u
#define ESME_RINVBNDSTS 0x00000004u
#define ESME_RALYBND 0x00000005u
#define ESME_RINVPASWD 0x0000000Eu

static void watch(struct session *session)
{
    struct epoll_event event = {
        .events = (session->paused ? 0 : EPOLLIN) | (session->writable_wanted ? EPOLLOUT : 0),
        .data.ptr = session,
    };
    epoll_ctl(smsc.epoll, EPOLL_CTL_MOD, session->fd, &event);
}

static uint32_t free_place(void)
{
    for (size_t i = 0; i < smsc.session_capacity; i++)
        if (!smsc.sessions[i])
            return (uint32_t)i;
    size_t old = smsc.session_capacity;
    smsc.session_capacity = old ? 2 * old : 16;
    smsc.sessions = take(smsc.sessions, smsc.session_capacity * sizeof *smsc.sessions);
    memset(smsc.sessions + old, 0, (smsc.session_capacity - old) * sizeof *smsc.sessions);
    return (uint32_t)old;
}

void session_open(struct port *port, int fd)
{
    int on = 1;
    struct session *session = take(NULL, sizeof *session);
    memset(session, 0, sizeof *session);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    session->fd = fd;
    session->port = port;
    session->next_sequence = 1;
    session->index = free_place();
    session->generation = ++smsc.generation;
    smsc.sessions[session->index] = session;
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = session};
    epoll_ctl(smsc.epoll, EPOLL_CTL_ADD, fd, &event);
}

static void session_close(struct session *session)
{
    drop_receiver(session);
    if (session->sends || session->receives) {
        session->port->counters.sessions--;
        smsc.totals->sessions--;
    }
    smsc.sessions[session->index] = NULL;
    close(session->fd);
    buffer_free(&session->in);
    buffer_free(&session->out);
    free(session->pending);
    free(session);
}

/* Writes what there is; a session whose peer is gone is closed when its socket is read next. */
void session_flush(struct session *session)
{
    struct buffer *out = &session->out;
    while (out->start < out->end) {
        ssize_t sent = send(session->fd, out->data + out->start, out->end - out->start, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0 && errno != EAGAIN) {
            out->start = out->end = 0;
            break;
        }
        if (sent < 0)
            break;
        out->start += (size_t)sent;
    }
    bool writable_wanted = out->start < out->end, paused = out->end - out->start > OUT_TOO_MUCH;
    if (writable_wanted != session->writable_wanted || paused != session->paused) {
        session->writable_wanted = writable_wanted;
        session->paused = paused;
        watch(session);
    }
}

static uint32_t bind_status(struct session *session, const uint8_t *pdu, size_t length)
{
    const char *password;
    if (session->sends || session->receives)
        return ESME_RALYBND;
    if (!parse_bind(pdu, length, &password))
        return ESME_RINVCMDLEN;
    if (smsc.options.password && strcmp(password, smsc.options.password) != 0)
        return ESME_RINVPASWD;
    return 0;
}

static void on_bind(struct session *session, uint32_t command, const uint8_t *pdu, size_t length)
{
    uint32_t status = bind_status(session, pdu, length);
    put_named(&session->out, command | RESPONSE, status, read32(pdu + 12), "smsc");
    if (status) {
        session->closing = status != ESME_RALYBND;
        return;
    }
    session->sends = command != BIND_RECEIVER;
    session->receives = command != BIND_TRANSMITTER;
    session->port->counters.sessions++;
    smsc.totals->sessions++;
    if (session->receives)
        add_receiver(session);
}

static void on_pdu(struct session *session, const uint8_t *pdu, size_t length, uint64_t at)
{
    uint32_t command = read32(pdu + 4), sequence = read32(pdu + 12);
    switch (command) {
    case SUBMIT_SM:
        if (session->sends)
            on_submit(session, pdu, length, at);
        else
            put_header(&session->out, SUBMIT_SM | RESPONSE, ESME_RINVBNDSTS, sequence);
        break;
    case BIND_RECEIVER:
    case BIND_TRANSMITTER:
    case BIND_TRANSCEIVER:
        on_bind(session, command, pdu, length);
        break;
    case UNBIND:
        session->closing = true;
        /* fall through */
    case ENQUIRE_LINK:
        put_header(&session->out, command | RESPONSE, 0, sequence);
        break;
    case DELIVER_SM_RESP:
        on_receipt_answer(session, read32(pdu + 8), sequence);
        break;
    default:
        if (!(command & RESPONSE))
            put_header(&session->out, GENERIC_NACK, ESME_RINVCMDID, sequence);
    }
}

/* Every complete PDU of what was read. A length no PDU has ends the session: the framing is lost. */
static void take_pdus(struct session *session, uint64_t at)
{
    struct buffer *in = &session->in;
    while (!session->closing && in->end - in->start >= 16) {
        const uint8_t *pdu = in->data + in->start;
        uint32_t length = read32(pdu);
        if (length < 16 || length > MAX_PDU) {
            put_header(&session->out, GENERIC_NACK, ESME_RINVCMDLEN, 0);
            session->closing = true;
            return;
        }
        if (in->end - in->start < length)
            return;
        on_pdu(session, pdu, length, at);
        in->start += length;
    }
}

/* At once where that is wanted: a peer that leaves Nagle's algorithm on waits 40 ms for a delayed acknowledgement.
 * The kernel forgets the wish, so it is said after each read. */
static void acknowledge(struct session *session)
{
    int on = 1;
    if (smsc.options.quick_ack)
        setsockopt(session->fd, IPPROTO_TCP, TCP_QUICKACK, &on, sizeof on);
}

void session_ready(struct session *session, uint32_t events)
{
    if (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) {
        ssize_t got = recv(session->fd, buffer_room(&session->in, READ_AT_ONCE), READ_AT_ONCE, 0);
        if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) {
            session_close(session);
            return;
        }
        if (got > 0) {
            acknowledge(session);
            session->in.end += (size_t)got;
            take_pdus(session, wall());
        }
    }
    session_flush(session);
    if (session->closing && session->out.start == session->out.end)
        session_close(session);
}
