/** Files: safetensors, and parity cases recorded by other frameworks. */
package org.densenet4j.io;
