/** Training: the step with its optimiser, schedules, checkpoints and metrics. */
package org.densenet4j.train;
