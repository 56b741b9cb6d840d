/** Records row changes in the writer's transaction and lets readers follow them in commit order from a position. */
@NullMarked
package io.forgeloom.changelog;

import org.jspecify.annotations.NullMarked;
