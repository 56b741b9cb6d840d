/** What PgJDBC alone can do; the only package that imports its classes. */
@NullMarked
package io.forgeloom.internal.pg;

import org.jspecify.annotations.NullMarked;
