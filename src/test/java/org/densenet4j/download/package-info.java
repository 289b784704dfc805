/** Downloads, against a small server of our own. */
package org.densenet4j.download;
