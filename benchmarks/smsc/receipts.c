/* Receipts: sent when due, at most a window of them unanswered on a session, again where they were refused. */
#include <string.h>

#include "smsc.h"

#define RETRY (1 * SECOND)
#define OUT_ENOUGH (256 * 1024)

void add_receiver(struct session *session)
{
    struct port *port = session->port;
    if (port->receiver_count == MAX_RECEIVERS)
        return;
    session->pending = take(NULL, smsc.options.window * sizeof *session->pending);
    memset(session->pending, 0, smsc.options.window * sizeof *session->pending);
    port->receivers[port->receiver_count++] = session;
}

static void put_back(struct session *session, struct pending *pending, uint64_t due)
{
    struct receipt *again = fifo_push(&session->port->again);
    *again = pending->receipt;
    again->due = due;
    pending->taken = false;
    smsc.receipts_waiting++;
}

/* What a lost session has not answered is sent on another one. */
void drop_receiver(struct session *session)
{
    struct port *port = session->port;
    if (!session->pending)
        return;
    for (uint32_t i = 0; i < smsc.options.window; i++)
        if (session->pending[i].taken)
            put_back(session, &session->pending[i], monotonic() + RETRY);
    for (unsigned i = 0; i < port->receiver_count; i++)
        if (port->receivers[i] == session)
            port->receivers[i] = port->receivers[--port->receiver_count];
}

static struct session *receiver_with_room(struct port *port)
{
    for (unsigned tried = 0; tried < port->receiver_count; tried++) {
        struct session *session = port->receivers[(port->next_receiver + tried) % port->receiver_count];
        /* A slot still taken by a receipt of a window ago is the oldest: nothing passes it. */
        struct pending *slot = &session->pending[session->next_sequence % smsc.options.window];
        if (!slot->taken && session->out.end - session->out.start < OUT_ENOUGH)
            return session;
    }
    return NULL;
}

static void send_receipt(struct session *session, const struct receipt *receipt, uint64_t at)
{
    struct pending *slot = &session->pending[session->next_sequence % smsc.options.window];
    slot->sequence = session->next_sequence;
    slot->taken = true;
    slot->receipt = *receipt;
    session->port->next_receiver++;
    put_receipt(&session->out, receipt, session->next_sequence);
    session->next_sequence = session->next_sequence == 0x7FFFFFFF ? 1 : session->next_sequence + 1;
    record_receipt(session->port, receipt->number, receipt->to, at);
}

static void send_from(struct port *port, struct fifo *queue, uint64_t now, uint64_t at)
{
    struct receipt *head;
    struct session *session;
    while ((head = fifo_head(queue)) && head->due <= now && (session = receiver_with_room(port))) {
        send_receipt(session, head, at);
        fifo_pop(queue);
        smsc.receipts_waiting--;
    }
}

static void serve(struct port *port, uint64_t now, uint64_t at)
{
    if (!port->receiver_count || !(port->receipts.count + port->again.count))
        return;
    send_from(port, &port->again, now, at);
    send_from(port, &port->receipts, now, at);
    for (unsigned i = port->receiver_count; i-- > 0;)
        session_flush(port->receivers[i]);
}

void receipts_due(uint64_t now)
{
    if (!smsc.receipts_waiting)
        return;
    uint64_t at = wall();
    for (unsigned i = 0; i < smsc.port_count; i++)
        serve(&smsc.ports[i], now, at);
}

static uint64_t earlier(uint64_t next, struct fifo *queue)
{
    struct receipt *head = fifo_head(queue);
    return head && head->due < next ? head->due : next;
}

/* When the next receipt that a session has room for falls due; UINT64_MAX where none waits. */
uint64_t receipts_next(void)
{
    uint64_t next = UINT64_MAX;
    if (!smsc.receipts_waiting)
        return next;
    for (unsigned i = 0; i < smsc.port_count; i++) {
        struct port *port = &smsc.ports[i];
        if (port->receiver_count && receiver_with_room(port))
            next = earlier(earlier(next, &port->receipts), &port->again);
    }
    return next;
}

void on_receipt_answer(struct session *session, uint32_t status, uint32_t sequence)
{
    if (!session->pending)
        return;
    struct pending *slot = &session->pending[sequence % smsc.options.window];
    if (!slot->taken || slot->sequence != sequence)
        return;
    if (status) {
        session->port->counters.receipts_refused++;
        smsc.totals->receipts_refused++;
        put_back(session, slot, monotonic() + RETRY);
        return;
    }
    slot->taken = false;
    record_acked(session->port, slot->receipt.number, slot->receipt.to, wall());
}
