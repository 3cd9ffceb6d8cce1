/* Values of settings: text to struct config and back to nothing. */
#pragma once

#include "server/config.h"
#include "server/config_table.h"

/* Sets the member of the setting. False: `text` is not such a value, *ret_expected says what would
 * be. */
bool config_value_set(struct config *config, const struct setting *setting, const char *text,
                      struct buf *ret_expected);

/* Frees the member if it owns memory. */
void config_value_clear(struct config *config, const struct setting *setting);
