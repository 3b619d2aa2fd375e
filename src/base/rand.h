/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Bytes from the kernel's random number generator (getrandom(2)); fit for
 * keys, nonces and ids. Never fails: without randomness the process stops. */
void rand_bytes(void *p, size_t n);

/* A uniformly distributed number below bound (> 0). */
uint64_t rand_below(uint64_t bound);
