/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdatomic.h>
#include <stdint.h>

/*
 * Published images: readers take no lock and write to no shared line; what they
 * may still see is freed only after every reader has been seen outside.
 *
 * Each thread that reads joins once and then brackets its work: rcu_enter()
 * when it wakes, rcu_leave() before it sleeps or waits. Between the two, a
 * pointer read by rcu_read() stays valid. An event loop enters once a turn.
 * (Quiescent-state-based reclamation; a sleeping thread holds nothing back.)
 */
struct rcu;
struct rcu_reader;

struct rcu *rcu_create(void);
/* Frees everything retired; no reader may be left. */
void rcu_destroy(struct rcu **rcu);

struct rcu_reader *rcu_join(struct rcu *rcu);
void rcu_part(struct rcu *rcu, struct rcu_reader **reader);

void rcu_enter(struct rcu *rcu, struct rcu_reader *reader);
void rcu_leave(struct rcu *rcu, struct rcu_reader *reader);

/* The newest published pointer. */
#define rcu_read(ptr) atomic_load_explicit(&(ptr), memory_order_acquire)
/* Publishes; one publisher at a time for one pointer. The old one is retired. */
#define rcu_publish(ptr, value) atomic_exchange_explicit(&(ptr), (value), memory_order_acq_rel)

/* Calls release(object) once no reader can hold it: at once where none is
 * inside, else from a later rcu_retire() or rcu_poll(). Any thread. */
void rcu_retire(struct rcu *rcu, void (*release)(void *object), void *object);

/* Releases what can be; a publisher calls it now and then. */
void rcu_poll(struct rcu *rcu);
