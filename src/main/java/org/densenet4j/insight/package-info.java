/** Looks into trained networks: which features are reused where, and which connections could go. */
@NullMarked
package org.densenet4j.insight;

import org.jspecify.annotations.NullMarked;
