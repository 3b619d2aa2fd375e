/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

/* State machines take the time as an argument; only the edges (loops, worker
 * threads, main) read these. */

#define NS_PER_MS UINT64_C(1000000)
#define NS_PER_SEC UINT64_C(1000000000)

/* Never jumps, counts suspended time too (CLOCK_BOOTTIME). For time-outs. */
uint64_t clock_mono_ns(void);

/* What this thread has used of a processor: for bills. */
uint64_t clock_thread_cpu_ns(void);

/* Milliseconds since 1970, UTC, as the system believes; may jump. For records,
 * and for what a person reads. */
int64_t clock_wall_ms(void);
