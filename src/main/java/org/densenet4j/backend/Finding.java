package org.densenet4j.backend;

import java.util.Map;

/**
 * Something that a backend looked for on this machine.
 *
 * @param name what, such as "cuDNN 9" or "device 0"
 * @param works whether it is there and usable
 * @param summary one line for people: version, place, size
 * @param advice what to do when it does not work; "" where nothing is to be done
 * @param details the same for programs: names to strings or numbers
 */
public record Finding(
        String name, boolean works, String summary, String advice, Map<String, Object> details) {}
