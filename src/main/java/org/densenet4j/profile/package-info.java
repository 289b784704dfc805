/**
 * What a training step costs and where: the life of every buffer, the time and the throughput of
 * every operation, and comparisons between strategies. Results are plain data; they are written as
 * JSON, CSV, figures and an HTML page.
 */
@NullMarked
package org.densenet4j.profile;

import org.jspecify.annotations.NullMarked;
