/*
 * lean: gives back the memory that only starting needed: the heap's free pages, and the code that linking and initialising the
 * libraries went through (three quarters of what is resident then). What is needed after all the kernel brings back from its cache.
 */
#ifndef ROUSE_SLEEPER_LEAN_H
#define ROUSE_SLEEPER_LEAN_H

void lean_now(void);

#endif
