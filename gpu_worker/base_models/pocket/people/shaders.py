"""The GLSL that paints skin, hair, cloth and props, lit alike. Text only."""

COMMON = """
#version 330
uniform vec3 eye; uniform vec3 light; uniform vec3 key; uniform vec3 sky; uniform vec3 ground;
uniform mat4 light_vp; uniform sampler2D shadow_map;
float hash(vec3 p){ p=fract(p*vec3(443.897,441.423,437.195)); p+=dot(p,p.yzx+19.19);
  return fract((p.x+p.y)*p.z); }
float noise(vec3 p){ vec3 i=floor(p), f=fract(p); f=f*f*(3.0-2.0*f);
  return mix(mix(mix(hash(i),hash(i+vec3(1,0,0)),f.x),mix(hash(i+vec3(0,1,0)),hash(i+vec3(1,1,0)),f.x),f.y),
   mix(mix(hash(i+vec3(0,0,1)),hash(i+vec3(1,0,1)),f.x),mix(hash(i+vec3(0,1,1)),hash(i
       +vec3(1,1,1)),f.x),f.y),f.z);}
float lit(vec3 p, vec3 n){
  vec4 q=light_vp*vec4(p+n*0.05,1.0); vec3 s=q.xyz*0.5+0.5; float sum=0.0;
  for(int i=0;i<2;i++) for(int j=0;j<2;j++){
    float d=texture(shadow_map, s.xy+vec2(i,j)*0.010-0.005).r; sum+=smoothstep(0.014,0.002,s.z-d); }
  return mix(0.25,1.0,sum/4.0); }
vec3 shade(vec3 albedo, vec3 n, vec3 p, float wrap, vec3 bleed, float gloss, float power){
  vec3 v=normalize(eye-p); float nl=dot(n,light);
  vec3 w=vec3(wrap)+bleed; vec3 diffuse=clamp((vec3(nl)+w)/(1.0+w),0.0,1.0); diffuse*=diffuse*0.5+0.5;
  float s=lit(p,n);
  vec3 ambient=mix(ground,sky,n.y*0.5+0.5)*(0.8+0.2*max(dot(n,v),0.0));
  vec3 h=normalize(light+v); float spec=gloss*pow(max(dot(n,h),0.0),power)*s;
  float rim=pow(1.0-max(dot(n,v),0.0),4.0)*0.12;
  return albedo*(key*diffuse*s+ambient+rim*sky)+key*spec; }
vec3 tone(vec3 c){ c=max(c,0.0); c=c*(1.0+c*0.12)/(1.0+c*0.55)*1.28; return pow(clamp(c,0.0,1.0),vec3(1.0/2.2));
  }
"""

BODY_VERTEX = """
#version 330
in vec3 position; in vec3 normal; in vec3 rest; in float part; in vec4 masks; in float root;
uniform mat4 vp; uniform float inflate;
out vec3 v_position, v_normal, v_rest; out float v_part, v_root; out vec4 v_masks;
void main(){ vec3 p=position+normal*inflate; v_root=root; v_position=p; v_normal=normal; v_rest=rest;
  v_part=part; v_masks=masks;
  gl_Position=vp*vec4(p,1.0); }
"""

_INPUT = "in vec3 v_position, v_normal, v_rest; in float v_part, v_root; in vec4 v_masks; out vec4 colour;\n"

BODY_FRAGMENT = (
    COMMON
    + _INPUT
    + """
uniform vec3 skin, hair, iris; uniform vec4 brow;
  uniform float beard, moustache, goatee, stubble, freckles, scalp;
uniform float years, lipstick, hairline;
void main(){
  vec3 n=normalize(v_normal), r=v_rest; float ax=abs(r.x);
  if(v_part>2.5){ colour=vec4(tone(shade(vec3(0.02,0.014,0.012),n,v_position,0.4,vec3(0),0.0,1.0)),1.0); return;
    }
  if(v_part>1.5){ colour=vec4(tone(shade(vec3(0.72,0.68,0.6),n,v_position,0.5,vec3(0),0.1,20.0)),1.0); return; }
  if(v_part>0.5){
    vec3 l=vec3(ax-0.31,r.y-7.285,r.z-1.245); float d=length(l.xy); float front=step(0.0,l.z);
    vec3 c=vec3(0.78,0.75,0.72);
    float fib=0.75+0.5*noise(vec3(atan(l.y,l.x)*6.0,d*30.0,1.0));
    c=mix(c,iris*fib,front*smoothstep(0.078,0.070,d));
      c=mix(c,iris*0.3,front*smoothstep(0.012,0.0,abs(d-0.074))*0.8);
    c=mix(c,vec3(0.006),front*smoothstep(0.037,0.031,d));
    c*=mix(0.55,1.0,smoothstep(0.10,0.02,l.y+0.02));
    vec3 o=shade(c,n,v_position,0.5,vec3(0),0.0,1.0);
    o+=key*0.9*front*smoothstep(0.020,0.012,length(l.xy-vec2(light.x*0.03*sign(r.x),0.035)))*0.6;
    colour=vec4(tone(o),1.0); return; }
  float big=noise(r*5.0), fine=noise(r*40.0);
  vec3 c=skin*(0.94+0.09*big+0.05*fine);
  float cheek=exp(-pow(length((vec2(ax,r.y)-vec2(0.46,6.95))/vec2(0.24,0.2)),2.0))*step(0.8,r.z);
  float nose=exp(-pow(length((vec2(ax,r.y)-vec2(0.0,6.93))/vec2(0.17,0.13)),2.0))*step(1.4,r.z);
  c*=mix(vec3(1),vec3(1.06,0.80,0.76),clamp(cheek*0.75+nose*0.6+v_masks.z*0.45,0.0,1.0));
  float socket=exp(-pow(length((vec2(ax,r.y)-vec2(0.31,7.30))/vec2(0.26,0.14)),2.0))*step(1.0,r.z);
  c*=mix(vec3(1),vec3(0.86,0.76,0.74),socket*(0.45+0.3*years));
  float bag=exp(-pow((r.y-7.13+0.12*pow((ax-0.31)/0.2,2.0)*-1.0)/0.028,2.0))
      *smoothstep(0.26,0.1,abs(ax-0.31))*step(1.0,r.z);
  c*=1.0-bag*(0.05+0.25*years);
  float fold=abs(ax-(0.2+(6.92-r.y)*0.42));
    float nasolabial=smoothstep(0.035,0.0,fold)*smoothstep(6.52,6.62,r.y)
      *smoothstep(6.95,6.85,r.y)*step(1.0,r.z);
  c*=1.0-nasolabial*(0.04+0.26*years);
  float brows=smoothstep(0.5,1.0,sin(r.y*62.0+noise(vec3(r.x*4.0,1.0,2.0))*5.0))
      *smoothstep(7.62,7.7,r.y)*smoothstep(8.0,7.9,r.y)*step(1.2,r.z)*smoothstep(0.55,0.3,ax);
  c*=1.0-brows*years*0.16;
  if(freckles>0.5){ vec3 cell=floor(r*26.0); float f=hash(cell); vec3 off=fract(r*26.0)-0.5;
    float spot=smoothstep(0.34,0.18,length(off))*step(0.55,f)*smoothstep(0.62,0.25,ax)
        *smoothstep(6.7,6.85,r.y)*smoothstep(7.3,7.1,r.y)*step(1.0,r.z);
    c=mix(c,c*vec3(0.72,0.5,0.36),spot*0.9); }
  float lips=smoothstep(0.25,0.75,v_masks.x);
  c=mix(c,mix(skin*vec3(0.86,0.56,0.54),vec3(0.42,0.05,0.06),lipstick),lips*0.85);
  float seam=smoothstep(0.3,0.8,v_masks.y); c=mix(c,vec3(0.10,0.018,0.016),seam);
  float nostril=smoothstep(0.05,0.02,length((vec2(ax,r.y)-vec2(0.085,6.855))/vec2(1.5,0.9)))*step(1.35,r.z)
      *smoothstep(0.0,-0.3,n.y);
  c*=1.0-0.75*nostril;
  float u=(ax-0.09)/0.46;
    float by=7.52+brow.x+0.015*u+0.05*brow.z*sin(clamp(u,0.0,1.0)*2.6)-0.05*brow.z*smoothstep(0.6,1.0,u);
  float th=mix(0.05,0.018,smoothstep(0.3,1.0,u))*brow.y;
  float b=smoothstep(th,th*0.45,abs(r.y-by))*smoothstep(-0.04,0.06,u)*smoothstep(1.04,0.9,u)*step(1.0,r.z);
  float strand=0.65+0.35*noise(vec3((r.x+r.y*0.6*sign(r.x))*70.0,r.y*30.0,3.0));
  c=mix(c,mix(hair*0.55,vec3(0.03,0.02,0.015),0.35),clamp(b*brow.w*strand,0.0,1.0));
  float lid=smoothstep(0.3,0.8,v_masks.w);
  c=mix(c,c*0.78,lid*0.5);
  float low=smoothstep(0.0,0.12,(6.62+0.42*smoothstep(0.35,0.75,ax))-r.y)*step(0.35,r.z)
      *smoothstep(5.95,6.1,r.y+0.25*(1.0-smoothstep(0.9,1.3,r.z)));
  float side=smoothstep(0.08,0.0,abs(r.z-0.62))*step(0.6,ax)*smoothstep(7.3,7.2,r.y)*smoothstep(6.6,6.7,r.y);
  float up=smoothstep(0.02,0.05,r.y-6.655)*smoothstep(6.83,6.78,r.y)*smoothstep(0.40,0.30,ax)*step(1.2,r.z);
  float chin=smoothstep(0.33,0.24,ax)*smoothstep(6.52,6.44,r.y)*step(0.95,r.z);
  float cover=max(max(beard*max(max(low,side),up),moustache*up),goatee*max(chin,up*step(ax,0.34)))*(1.0-lips)
      *(1.0-seam);
  float grain=0.6+0.4*noise(vec3(r.x*60.0,r.y*30.0,r.z*40.0));
  c=mix(c,hair*0.8,clamp(cover*grain*mix(1.0,0.45,stubble),0.0,1.0));
  float h=v_root-hairline+0.05*(noise(r*14.0)-0.5);
  float under=scalp*smoothstep(-0.01,0.06,h)*(1.0-v_masks.z);
  c=mix(c,hair*0.8,under*(0.75+0.25*noise(r*90.0)));
  float gloss=mix(0.09,0.015,max(under,cover)); gloss=mix(gloss,0.16,lips); gloss*=1.0-seam;
  vec3 bump=vec3(noise(r*55.0),noise(r*55.0+7.0),noise(r*55.0+13.0))-0.5;
  n=normalize(n+bump*0.10);
  colour=vec4(tone(shade(c,n,v_position,0.28,vec3(0.20,0.06,0.03)*(1.0-seam),gloss,14.0)),1.0);
}
"""
)

CLOTH_FRAGMENT = (
    COMMON
    + _INPUT
    + """
uniform vec3 cloth, second; uniform int kind; uniform int layer;
void main(){
  if(v_part>0.5) discard;
  vec3 n=normalize(v_normal), r=v_rest; float ax=abs(r.x);
  float plane=r.y-(5.74-0.33*(r.z+0.25)), beside=(0.64-ax)*0.9;
    float line=-log(exp(-9.0*plane)+exp(-9.0*beside))/9.0; float limit=-0.06; vec3 c=cloth; bool front=r.z>0.25;
  if(kind==5){ limit=0.40; line=plane; }
  if(kind==6){ bool strap=ax>0.66&&ax<0.95; if(!strap && r.y>5.02+0.12*smoothstep(0.3,0.9,ax)) discard;
    limit=1.0; }
  if(kind==2||kind==3) limit=0.02;
  float wave=(noise(r*9.0)-0.5)*0.015;
  if(line+wave>limit) discard;
  if(r.y>(kind==5?6.25:5.98)) discard;
  float edge=limit-line;
  if(kind==0||kind==1) c*=edge<0.085?0.8:1.0;
  if(kind==1){ float s=sin((r.y+wave*2.0)*19.0); c=mix(c,second,smoothstep(-0.12,0.12,s)*step(0.085,edge)); }
  if(kind==2){ float gap=(r.y-5.05)*0.22; if(front&&ax<gap) discard;
    float placket=smoothstep(0.012,0.004,abs(ax-0.1)); if(front){ c*=1.0-0.3*placket;
      float b=length(vec2(r.x,mod(r.y,0.3)-0.15)); c=mix(c,vec3(0.85),smoothstep(0.035,0.025,b)); } }
  if(kind==3){
    if(layer==0){ c=second; float tie=0.10+0.03*(5.3-r.y); if(front&&ax<tie) c=vec3(0.16,0.01,0.02); }
    else { float v=(r.y-4.62)*0.62; if(front&&ax<v) discard; float lapel=v+0.05+0.32*smoothstep(5.75,5.3,r.y);
      if(front&&ax<lapel){ c*=1.35; c+=0.012; } if(front) c*=1.0-0.5*smoothstep(0.02,0.0,abs(ax-lapel)); } }
  if(kind==4&&front){ c*=1.0-0.25*smoothstep(0.014,0.004,ax);
    float cord=smoothstep(0.032,0.02,abs(ax-0.2-0.02*sin(r.y*9.0)))*step(4.75,r.y)*step(r.y,5.45);
    c=mix(c,vec3(0.75),cord); }
  if(kind==5) c*=0.9+0.1*sin(atan(r.x,r.z-0.2)*70.0)*smoothstep(5.2,5.5,r.y);
  c*=0.9+0.2*noise(r*6.0); c*=0.95+0.1*noise(r*80.0);
  n=normalize(n+0.25*(vec3(noise(r*4.5),noise(r*4.5+5.0),noise(r*4.5+9.0))-0.5));
  colour=vec4(tone(shade(c,n,v_position,0.2,vec3(0),0.012,8.0)),1.0);
}
"""
)

SHELL_VERTEX = """
#version 330
in vec3 position; in vec3 normal; in vec3 rest; in vec3 grow; in float root; in float ear;
uniform mat4 vp; uniform float layers;
out vec3 v_position, v_normal, v_rest; out float v_root, v_layer, v_ear;
void main(){ float t=float(gl_InstanceID+1)/layers; vec3 p=position+grow*(t*(1.0-0.15*t));
  v_position=p; v_normal=normalize(normal+grow*0.3); v_rest=rest; v_root=root; v_layer=t; v_ear=ear;
  gl_Position=vp*vec4(p,1.0); }
"""

HAIR_LOOK = """
vec3 hair_colour(vec3 base, vec3 n, vec3 p, float strand, float depth){
  vec3 v=normalize(eye-p); vec3 t=normalize(cross(n,cross(vec3(0,1,0),n)+vec3(0.001)));
  vec3 h=normalize(light+v); float th=dot(t,h); float shine=pow(sqrt(max(1.0-th*th,0.0)),60.0);
  vec3 c=base*(0.55+0.65*strand)*mix(0.55,1.0,depth);
  return shade(c,n,p,0.3,vec3(0),0.0,1.0)+(base*0.5+0.04)*key*shine*0.3*strand; }
"""

SHELL_FRAGMENT = (
    COMMON
    + HAIR_LOOK
    + """
in vec3 v_position, v_normal, v_rest; in float v_root, v_layer, v_ear; out vec4 colour;
uniform vec3 hair; uniform float curl, fuzz, hairline;
void main(){
  vec3 r=v_rest; vec3 n=normalize(v_normal);
  float th=atan(r.x,r.z-0.25);
  float s=mix(noise(vec3(th*26.0,r.y*2.2,length(r.xz)*3.0)), noise(r*13.0+v_layer), curl);
  float f=mix(noise(vec3(th*90.0,r.y*5.0,2.0)), noise(r*38.0), curl);
  if(v_root-hairline+0.10*(f-0.5)<0.0 || v_ear>0.4) discard;
  float reach=1.0-fuzz*f-0.25*curl*(1.0-s); if(v_layer>reach) discard;
  n=normalize(n+(0.35+0.5*curl)*(vec3(noise(r*9.0+s),noise(r*9.0+4.0+f),noise(r*9.0+8.0))-0.5));
  colour=vec4(tone(hair_colour(hair,n,v_position,0.55*s+0.45*f,v_layer)),1.0);
}
"""
)

PROP_VERTEX = """
#version 330
in vec3 position; in vec3 normal; in vec2 uv; in vec3 tint; in float kind;
uniform mat4 vp; out vec3 v_position, v_normal, v_tint; out vec2 v_uv; out float v_kind;
void main(){ v_position=position; v_normal=normal; v_tint=tint; v_uv=uv; v_kind=kind;
  gl_Position=vp*vec4(position,1.0); }
"""

PROP_FRAGMENT = (
    COMMON
    + HAIR_LOOK
    + """
in vec3 v_position, v_normal, v_tint; in vec2 v_uv; in float v_kind; out vec4 colour;
void main(){
  vec3 n=normalize(v_normal); vec3 view=normalize(eye-v_position); if(dot(n,view)<0.0) n=-n;
  if(v_kind<0.5){ vec3 c=v_tint*(0.92+0.16*noise(v_position*7.0));
    colour=vec4(tone(shade(c,n,v_position,0.2,vec3(0),0.012,8.0)),1.0); return; }
  if(v_kind<1.5){
    float s=noise(vec3(v_uv.x*60.0,v_uv.y*2.5,1.0)), f=noise(vec3(v_uv.x*190.0,v_uv.y*4.0,5.0));
    if(v_uv.y>0.90+0.2*(0.6*s+0.4*f)-0.08) discard;
    n=normalize(n+0.45*vec3(s-0.5,0.0,f-0.5));
    colour=vec4(tone(hair_colour(v_tint,n,v_position,0.5*s+0.5*f,0.9)),1.0); return; }
  if(v_kind<2.5){ colour=vec4(tone(shade(v_tint,n,v_position,0.1,vec3(0),0.35,40.0)),1.0); return; }
  vec3 c=v_tint*(0.7+0.9*smoothstep(0.2,1.0,v_uv.y)); c+=0.10*smoothstep(0.10,0.0,abs(v_uv.x-v_uv.y*0.6-0.2));
  colour=vec4(tone(c*(key+sky)*0.5),1.0);
}
"""
)

DEPTH_VERTEX = """
#version 330
in vec3 position; uniform mat4 vp; void main(){ gl_Position=vp*vec4(position,1.0); }
"""
DEPTH_FRAGMENT = """
#version 330
void main(){}
"""
