/**
 * Reports for people: self-contained HTML pages with interactive charts, figures as PNG and SVG,
 * tables for a page or a terminal. Nothing here knows what is reported.
 */
@NullMarked
package org.densenet4j.report;

import org.jspecify.annotations.NullMarked;
