/** What a network is: its hyperparameters, shapes, parameters and costs. Knows nothing else. */
@NullMarked
package org.densenet4j.spec;

import org.jspecify.annotations.NullMarked;
