/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* SipHash-1-3 under a key that is random per process: clients choose most of
 * our map keys, and must not be able to choose collisions. Stable within a
 * process only; never stored. Thread-safe. */
uint64_t hash_bytes(const void *p, size_t n);

/* The same for two parts (a tenant number, a type) without joining them. */
uint64_t hash_pair(uint64_t a, const void *p, size_t n);

/* CRC-32C (Castagnoli) of n bytes continuing from crc (0 to begin), as record
 * batches use it. Hardware-accelerated by ISA-L. */
uint32_t crc32c(uint32_t crc, const void *p, size_t n);
