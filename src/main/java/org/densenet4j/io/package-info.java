/** Files: safetensors, and parity cases recorded by other frameworks. */
@NullMarked
package org.densenet4j.io;

import org.jspecify.annotations.NullMarked;
