/** Elects one leader per role with an advisory lock, a lease and a term, and fences what an old leader does. */
@NullMarked
package io.forgeloom.leader;

import org.jspecify.annotations.NullMarked;
