/** Mutated input files: every reader answers with an error or a result, never with a crash. */
package org.densenet4j.fuzz;
