/** Training: the step with its optimiser, schedules, checkpoints and metrics. */
@NullMarked
package org.densenet4j.train;

import org.jspecify.annotations.NullMarked;
