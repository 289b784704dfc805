/** The scripts for GPU machines, with stand-ins for what only such a machine has. */
package org.densenet4j.scripts;
