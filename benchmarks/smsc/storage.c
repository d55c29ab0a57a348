/* Memory that grows; a process that gets none ends. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "smsc.h"

void *take(void *old, size_t size)
{
    void *made = realloc(old, size);
    if (!made) {
        fputs("smsc: out of memory\n", stderr);
        exit(1);
    }
    return made;
}

/* Room for `size` more octets behind the end; the caller moves `end`. */
uint8_t *buffer_room(struct buffer *buffer, size_t size)
{
    if (buffer->start == buffer->end)
        buffer->start = buffer->end = 0;
    if (buffer->end + size > buffer->capacity && buffer->start) {
        memmove(buffer->data, buffer->data + buffer->start, buffer->end - buffer->start);
        buffer->end -= buffer->start;
        buffer->start = 0;
    }
    if (buffer->end + size > buffer->capacity) {
        buffer->capacity = 2 * (buffer->end + size);
        buffer->data = take(buffer->data, buffer->capacity);
    }
    return buffer->data + buffer->end;
}

void buffer_free(struct buffer *buffer)
{
    free(buffer->data);
    memset(buffer, 0, sizeof *buffer);
}

void fifo_init(struct fifo *fifo, size_t size)
{
    memset(fifo, 0, sizeof *fifo);
    fifo->size = size;
}

/* The new last element, to be filled. */
void *fifo_push(struct fifo *fifo)
{
    if (fifo->count == fifo->capacity) {
        size_t grown = fifo->capacity ? 2 * fifo->capacity : 16;
        fifo->data = take(fifo->data, grown * fifo->size);
        /* What had wrapped around goes behind the old end. */
        memcpy(fifo->data + fifo->capacity * fifo->size, fifo->data, fifo->head * fifo->size);
        fifo->capacity = grown;
    }
    return fifo->data + ((fifo->head + fifo->count++) % fifo->capacity) * fifo->size;
}

void *fifo_head(struct fifo *fifo)
{
    return fifo->count ? fifo->data + fifo->head * fifo->size : NULL;
}

void fifo_pop(struct fifo *fifo)
{
    fifo->head = (fifo->head + 1) % fifo->capacity;
    fifo->count--;
}
