/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>

#include "base/str.h"

/*
 * Which names users and tenants may have (model sections 1, 2).
 */
#define USER_NAME_MAX 200
#define TENANT_NAME_MAX 31
/* "user@tenant" */
#define LOGIN_TEXT_MAX (USER_NAME_MAX + 1 + TENANT_NAME_MAX)

/* UTF-8, 1..200 bytes, no control characters (C0, DEL, C1), no space at either
 * end, none of / , : " \. Also neither "*" nor "ANONYMOUS", which mean all users
 * and nobody in rules. */
bool user_name_valid(struct str s);
/* [a-z][a-z0-9-]{0,30} */
bool tenant_name_valid(struct str s);

/* Splits a login name at its last '@'. Without one *ret_tenant is "main". Both
 * are views of login. Does not validate. */
void login_name_split(struct str login, struct str *ret_user, struct str *ret_tenant);
