/**
 * When each buffer lives and where: the static memory plan. Everything a training step touches is
 * declared in {@link org.densenet4j.plan.NetworkMemory}, laid out in one arena, and known to the
 * byte before anything is allocated.
 */
@NullMarked
package org.densenet4j.plan;

import org.jspecify.annotations.NullMarked;
