package org.densenet4j.graph;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/**
 * The value of a record's number where the JSON of a graph has none: that of networks which were
 * written before there was a choice. A number that has this value is not written either. Of what is
 * true or false, 0 means false.
 */
@Retention(RetentionPolicy.RUNTIME)
@Target(ElementType.RECORD_COMPONENT)
@interface IfAbsent {
    int value();
}
