/** Checks this engine against numbers that another framework recorded. */
package org.densenet4j.parity;
