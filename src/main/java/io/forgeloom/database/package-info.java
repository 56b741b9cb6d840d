/** One bounded pool per server; runs functions in transactions. */
@NullMarked
package io.forgeloom.database;

import org.jspecify.annotations.NullMarked;
