/** Functions of libraries in C. */
@NullMarked
package org.densenet4j.foreign;

import org.jspecify.annotations.NullMarked;
