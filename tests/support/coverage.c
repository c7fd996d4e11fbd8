/* Counts which branches of the sources ran: the compiler calls the first function with its counters, one byte a branch. */
#include <stddef.h>
#include <stdint.h>

static uint8_t *first, *end;

void __sanitizer_cov_8bit_counters_init(uint8_t *start, uint8_t *stop);
void __sanitizer_cov_8bit_counters_init(uint8_t *start, uint8_t *stop)
{
    first = start;
    end = stop;
}

uint8_t *counters(void);
uint8_t *counters(void) { return first; }
size_t counter_count(void);
size_t counter_count(void) { return (size_t)(end - first); }
