/* submit_sm: noted, answered at once or when its delay is over, and a receipt laid by for later. */
#include <stdio.h>
#include <string.h>

#include "smsc.h"

#define SUBMIT_SM_RESP 0x80000004u
#define ESME_RINVMSGLEN 0x00000001u
#define UDHI 0x40
#define UCS2 8

static void answer(struct session *session, uint32_t sequence, uint64_t number, uint64_t to, uint64_t at)
{
    char id[24];
    snprintf(id, sizeof id, "%llu", (unsigned long long)number);
    put_named(&session->out, SUBMIT_SM_RESP, 0, sequence, id);
    record_response(session->port, number, to, at);
}

static void answer_later(struct session *session, uint32_t sequence, uint64_t number, uint64_t to)
{
    struct response *made = fifo_push(&smsc.responses);
    *made = (struct response){
        .due = monotonic() + smsc.options.response_delay,
        .number = number,
        .to = to,
        .session = session->index,
        .generation = session->generation,
        .sequence = sequence,
        .port = session->port->index,
    };
}

/* The first characters of the text as a receipt quotes them; what does not print becomes a dot. */
static void excerpt(struct receipt *receipt, const struct submit *submit)
{
    const uint8_t *text = submit->text;
    size_t length = submit->coding == UCS2 ? 0 : submit->text_length;
    if (length && submit->esm_class & UDHI) {
        size_t header = (size_t)text[0] + 1;
        header = header < length ? header : length;
        text += header;
        length -= header;
    }
    receipt->excerpt_length = (uint8_t)(length < EXCERPT ? length : EXCERPT);
    for (size_t i = 0; i < receipt->excerpt_length; i++)
        receipt->excerpt[i] = text[i] >= ' ' && text[i] <= '~' ? (char)text[i] : '.';
}

static void lay_by_receipt(struct port *port, const struct submit *submit, uint64_t number, uint64_t at)
{
    struct receipt *made = fifo_push(&port->receipts);
    made->due = monotonic() + smsc.options.response_delay + smsc.options.receipt_delay;
    made->number = number;
    made->submitted = at;
    made->port = port->index;
    made->source_ton = submit->source_ton;
    made->source_npi = submit->source_npi;
    made->to_ton = submit->to_ton;
    made->to_npi = submit->to_npi;
    memcpy(made->source, submit->source, ADDRESS);
    memcpy(made->to, submit->to, ADDRESS);
    excerpt(made, submit);
    port->counters.receipts_due++;
    smsc.totals->receipts_due++;
    smsc.receipts_waiting++;
}

static bool wants_receipt(const struct submit *submit)
{
    return smsc.options.receipts == RECEIPTS_ALWAYS ||
           (smsc.options.receipts == RECEIPTS_REQUESTED && (submit->registered & 0x03) == 1);
}

void on_submit(struct session *session, const uint8_t *pdu, size_t length, uint64_t at)
{
    struct submit submit;
    uint32_t sequence = read32(pdu + 12);
    if (!parse_submit(pdu, length, &submit)) {
        put_header(&session->out, SUBMIT_SM_RESP, ESME_RINVMSGLEN, sequence);
        return;
    }
    uint64_t number = smsc.next_number++, to = digits(submit.to);
    record_submit(session->port, number, submit.to, at);
    if (smsc.options.response_delay)
        answer_later(session, sequence, number, to);
    else
        answer(session, sequence, number, to, at);
    if (wants_receipt(&submit))
        lay_by_receipt(session->port, &submit, number, at);
}

/* Answers whose delay is over; an answer for a session that is gone is gone with it. */
void answer_due(uint64_t now)
{
    struct response *due;
    uint64_t at = wall();
    while ((due = fifo_head(&smsc.responses)) && due->due <= now) {
        struct session *session = smsc.sessions[due->session];
        if (session && session->generation == due->generation) {
            answer(session, due->sequence, due->number, due->to, at);
            /* Written in one go with its neighbours: flushed when the next answer is another session's. */
            uint32_t index = due->session;
            fifo_pop(&smsc.responses);
            due = fifo_head(&smsc.responses);
            if (!due || due->due > now || due->session != index)
                session_flush(session);
        } else {
            fifo_pop(&smsc.responses);
        }
    }
}
