/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/transport.h"

/* Bytes as they are. fd: a connected non-blocking socket, the caller's to close. */
struct transport *plain_create(int fd);
