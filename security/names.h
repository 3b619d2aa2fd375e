/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>

#include "base/principal.h"

/*
 * Which names tenants may have (model section 2), and what a login name is made of.
 */
#define TENANT_NAME_MAX 31
/* "user@tenant" */
#define LOGIN_TEXT_MAX (USER_NAME_MAX + 1 + TENANT_NAME_MAX)

/* [a-z][a-z0-9-]{0,30} */
bool tenant_name_valid(struct str s);

/* Splits a login name at its last '@'. Without one *ret_tenant is "main". Both
 * are views of login. Does not validate. */
void login_name_split(struct str login, struct str *ret_user, struct str *ret_tenant);
