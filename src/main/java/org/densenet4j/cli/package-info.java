/** The command line: one small class per command. */
package org.densenet4j.cli;
