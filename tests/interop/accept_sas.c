/*
 * accept_sas.c: makes a kernel without ESP say yes. An IKE daemon that only knows the kernel's XFRM
 * cannot establish a CHILD_SA where CONFIG_INET_ESP is missing; these rows test IKE alone. Preloaded
 * into the peer, this turns each request that adds, updates or deletes an SA or a policy into a
 * netlink no-op that asks for an acknowledgement, so the daemon reads success and nothing is installed.
 * SPI allocation still goes to the kernel. Never used by the program itself.
 *
 *   gcc -O2 -shared -fPIC -o accept_sas.so accept_sas.c -ldl
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <string.h>
#include <sys/socket.h>
#include <linux/netlink.h>
#include <linux/xfrm.h>

typedef ssize_t sendto_function(int, const void *, size_t, int, const struct sockaddr *, socklen_t);

static int is_xfrm_socket(int fd)
{
	int domain = 0, protocol = 0;
	socklen_t size = sizeof domain;

	if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) || domain != AF_NETLINK)
		return 0;
	size = sizeof protocol;
	return !getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &size) && protocol == NETLINK_XFRM;
}

static int installs(unsigned short type)
{
	switch (type) {
	case XFRM_MSG_NEWSA:
	case XFRM_MSG_UPDSA:
	case XFRM_MSG_DELSA:
	case XFRM_MSG_NEWPOLICY:
	case XFRM_MSG_UPDPOLICY:
	case XFRM_MSG_DELPOLICY:
		return 1;
	default:
		return 0;
	}
}

ssize_t sendto(int fd, const void *octets, size_t length, int flags, const struct sockaddr *to,
	       socklen_t to_length)
{
	static sendto_function *real;
	struct nlmsghdr header;

	if (!real)
		real = (sendto_function *)dlsym(RTLD_NEXT, "sendto");
	if (length < sizeof header || !is_xfrm_socket(fd))
		return real(fd, octets, length, flags, to, to_length);
	memcpy(&header, octets, sizeof header);
	if (!installs(header.nlmsg_type))
		return real(fd, octets, length, flags, to, to_length);
	header.nlmsg_type = NLMSG_NOOP;
	header.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	header.nlmsg_len = sizeof header;
	return real(fd, &header, sizeof header, flags, to, to_length) < 0 ? -1 : (ssize_t)length;
}
