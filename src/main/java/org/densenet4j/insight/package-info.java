/** Looks into trained networks: which features are reused where, and which connections could go. */
package org.densenet4j.insight;
