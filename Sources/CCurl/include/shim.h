// Non-variadic doors to libcurl: Swift cannot call C variadics. One wrapper per argument type, nothing clever.
#ifndef SLUICE_CCURL_SHIM_H
#define SLUICE_CCURL_SHIM_H

// The type-checking macros would shadow the very functions wrapped here.
#ifndef CURL_DISABLE_TYPECHECK
#define CURL_DISABLE_TYPECHECK 1
#endif
#include <curl/curl.h>

typedef size_t (*sluice_curl_bytes_callback)(char *bytes, size_t size, size_t count, void *context);
typedef curl_socket_t (*sluice_curl_open_callback)(void *context, curlsocktype purpose, struct curl_sockaddr *address);
typedef int (*sluice_curl_prereq_callback)(void *context, char *remoteIP, char *localIP, int remotePort, int localPort);
typedef int (*sluice_curl_socket_callback)(CURL *easy, curl_socket_t socket, int what, void *context, void *socketContext);
typedef int (*sluice_curl_timer_callback)(CURLM *multi, long timeoutMS, void *context);

static inline CURLcode sluice_easy_set_long(CURL *easy, CURLoption option, long value) {
    return curl_easy_setopt(easy, option, value);
}

static inline CURLcode sluice_easy_set_offset(CURL *easy, CURLoption option, curl_off_t value) {
    return curl_easy_setopt(easy, option, value);
}

static inline CURLcode sluice_easy_set_string(CURL *easy, CURLoption option, const char *value) {
    return curl_easy_setopt(easy, option, value);
}

static inline CURLcode sluice_easy_set_pointer(CURL *easy, CURLoption option, const void *value) {
    return curl_easy_setopt(easy, option, value);
}

static inline CURLcode sluice_easy_set_headers(CURL *easy, struct curl_slist *value) {
    return curl_easy_setopt(easy, CURLOPT_HTTPHEADER, value);
}

static inline CURLcode sluice_easy_set_bytes_callback(CURL *easy, CURLoption option, sluice_curl_bytes_callback value) {
    return curl_easy_setopt(easy, option, value);
}

static inline CURLcode sluice_easy_set_open_callback(CURL *easy, sluice_curl_open_callback value) {
    return curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, value);
}

static inline CURLcode sluice_easy_set_prereq_callback(CURL *easy, sluice_curl_prereq_callback value) {
    return curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, value);
}

static inline CURLcode sluice_easy_get_long(CURL *easy, CURLINFO info, long *value) {
    return curl_easy_getinfo(easy, info, value);
}

static inline CURLcode sluice_easy_get_offset(CURL *easy, CURLINFO info, curl_off_t *value) {
    return curl_easy_getinfo(easy, info, value);
}

static inline CURLcode sluice_easy_get_pointer(CURL *easy, CURLINFO info, void **value) {
    return curl_easy_getinfo(easy, info, (char **)value);
}

static inline CURLMcode sluice_multi_set_long(CURLM *multi, CURLMoption option, long value) {
    return curl_multi_setopt(multi, option, value);
}

static inline CURLMcode sluice_multi_set_pointer(CURLM *multi, CURLMoption option, void *value) {
    return curl_multi_setopt(multi, option, value);
}

static inline CURLMcode sluice_multi_set_socket_callback(CURLM *multi, sluice_curl_socket_callback value) {
    return curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, value);
}

static inline CURLMcode sluice_multi_set_timer_callback(CURLM *multi, sluice_curl_timer_callback value) {
    return curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, value);
}

// The result sits in a union, which Swift reads badly; only CURLMSG_DONE exists today.
static inline CURLcode sluice_message_result(const CURLMsg *message) {
    return message->data.result;
}

// True when the default trust is one bundle file. Then the directory option can be cleared, and only then does
// libcurl (7.87 and later) share one parsed bundle between connections instead of parsing it for each.
static inline int sluice_curl_has_default_bundle(void) {
    const curl_version_info_data *info = curl_version_info(CURLVERSION_NOW);
    return info->age >= CURLVERSION_SEVENTH && info->cainfo != NULL;
}

#endif
