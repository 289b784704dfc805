/** Test data that several packages' tests use. */
package org.densenet4j.testing;
